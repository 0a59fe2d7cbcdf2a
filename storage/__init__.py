"""What is true: jobs, events and files in SQL, bytes in an object store, and the doorbell that wakes workers."""
