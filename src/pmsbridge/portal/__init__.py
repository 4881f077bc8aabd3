"""What portals import: the bridge, tenant sessions and what they show."""
