"""The ledger: every forecast that was made, and what came, in SQLite or PostgreSQL; it never reads the user's data."""

from forecast.ledger.ledger import Ledger, Standing
from forecast.ledger.outcomes import Outcomes

__all__ = ["Ledger", "Outcomes", "Standing"]
