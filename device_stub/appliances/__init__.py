"""Virtual appliances: what stands behind the entities, and takes its time."""
