"""What a detector's boxes are worth against the labels: matching, average precision, rates, calibration.

Pure arithmetic on records and boxes, so that evaluation, export and the learning curve count alike.
"""
