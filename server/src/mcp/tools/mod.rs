//! isolet's own tools: `search`, `describe`, `run`.
//!
//! | module | content |
//! |---|---|
//! | [`definitions`] | the definitions of the tools, and the instructions of the server |
//! | [`arguments`] | parsing arguments leniently |
//! | [`search`], [`describe`], [`run`] | the tools |
//! | [`progress`] | progress notifications of a run |
//! | [`result`] | the report of a run as the result of a tool |
//! | [`media`] | images, audio and files in the result of a script |

pub mod arguments;
pub mod definitions;
pub mod describe;
pub mod media;
pub mod progress;
pub mod result;
pub mod run;
pub mod search;
