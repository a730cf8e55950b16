//! What users rely on, promise by promise, through the public face.
