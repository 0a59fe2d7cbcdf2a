"""What moderators do, without the web: who is given which case, what a decision carries out, and how it is undone."""
