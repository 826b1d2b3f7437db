"""The factory: a model of failures from the cloud, alarms at a hall whose link is mostly down."""
