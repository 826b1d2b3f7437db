"""The hospital: tests at home, a model from the cloud, scores at the edge."""
