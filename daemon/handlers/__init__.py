"""What each route does. A post's handler runs inside one transaction, and raises to refuse."""
