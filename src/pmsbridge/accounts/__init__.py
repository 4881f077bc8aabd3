"""Who is at the door: identities matched against the back office. One generic answer for known and unknown."""
