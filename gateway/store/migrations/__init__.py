"""Every schema there ever was, as steps from the one before; run by ``gateway.store.migrate``."""
