"""How a picture is made: Celery tasks, the engine that owns the device, and the steps of one job."""
