"""A package, so that tests find the integration where Home Assistant does."""
