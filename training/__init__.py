"""Training of the detectors: from a labelled folder to weights and a manifest.

The only room that needs torch and ultralytics; what it makes leaves through `export`
as one ONNX file.
"""
