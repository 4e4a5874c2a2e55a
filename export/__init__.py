"""From trained weights to one ONNX file that carries its own contract, checked before it is written."""
