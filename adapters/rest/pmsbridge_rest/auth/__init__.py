"""Who we are to the back office: every scheme signs a request; secrets are looked up by reference each time."""
