"""How a request travels: journeys hop by hop, bound to a host, with costs from `facts`."""
