"""The bank: raw rows never leave, a version with ten alike is made of them, and the cloud scores that."""
