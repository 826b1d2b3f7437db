"""What runs in the child: each module imports at its top all that it needs, before the locks are put on."""
