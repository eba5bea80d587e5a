//! The protocol between the broker, its zygotes and their runners.
//!
//! | module | contents |
//! |---|---|
//! | [`messages`] | the messages, one enum for each sender and receiver |
//! | [`frames`] | a message as a frame: length prefix and postcard bytes |
//! | [`descriptors`] | sending and receiving file descriptors with a frame |

pub(crate) mod descriptors;
pub(crate) mod frames;
pub(crate) mod messages;
