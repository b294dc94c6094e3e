"""One file per vendor endpoint; nobody else speaks to vendors."""
