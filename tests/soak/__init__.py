"""The soak: a whole deployment under steady arrivals and a fault a minute, watched for what grows."""
