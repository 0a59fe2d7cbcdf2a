"""The keeper: reaps dead leases, expires deadlines, and rings again for work whose ring was lost."""
