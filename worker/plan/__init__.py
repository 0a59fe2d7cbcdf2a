"""How many GPUs a load needs: the engine on a virtual clock, under arrivals drawn from a mix of jobs."""
