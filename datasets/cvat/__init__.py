"""CVAT: annotations out and corrected annotations in, in the form "CVAT for images 1.1".

The form is described at https://docs.cvat.ai/docs/other/xml_format. Neighbours: `datasets.carried`,
`importers.assemble`.
"""
