//! The twin, pure: births become models and assets, data becomes points.
