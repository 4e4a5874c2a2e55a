"""Reports: one document model, written as HTML, PDF and CSV by one library for the whole project.

Who makes a report builds a `document.Report`, pictures by `plots`, words by `words`, and gives it to
`write.write_report`. Nothing in here knows what a ball is.
"""
