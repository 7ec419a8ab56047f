//! A tonic server and a tonic channel.
