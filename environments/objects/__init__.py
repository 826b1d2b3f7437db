"""Object stores (S3, Azure Blob Storage): how one is opened, and the few things that are done with it.

Example:
    >>> bucket = Bucket(open_s3(spec, credentials), "clinic/cloud", "the store")
    >>> bucket.create("assets/visits/00000001.json", entry)
    True
"""
