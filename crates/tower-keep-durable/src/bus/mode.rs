/// How a bus on a broker sends its events. It reads both, so that members may be changed one by one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The event is the body of the message, as JSON: it comes out as it was put in, with the types
    /// of its extensions, and goes on over any other transport unchanged. The default.
    #[default]
    Structured,
    /// The data is the body and the attributes are headers, as the CloudEvents binding of the broker
    /// says: whoever knows nothing of CloudEvents can read the data, and filter by header. Extensions
    /// arrive as text.
    Binary,
}
