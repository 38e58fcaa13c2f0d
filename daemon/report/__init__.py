"""The page that a person looks at: one self-contained ``report.html`` for each model version.

``markup`` escapes, ``svg`` draws, ``style`` holds every colour and size, ``page`` is the frame of a report,
``anomaly`` fills it for K-means and GMM. Plain functions from data to text: the same data give the same
bytes.
"""
