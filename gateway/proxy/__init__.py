"""The data plane: decides who answers, cleans headers, forwards. Touches no ORM."""
