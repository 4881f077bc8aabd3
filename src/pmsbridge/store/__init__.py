"""What is kept: the journal of actions and the mirror of the back offices. The only user of sqlalchemy."""
