"""HTTP/1.1 on the wire: the strict reading of heads and chunks, and the server that gunicorn's workers run."""
