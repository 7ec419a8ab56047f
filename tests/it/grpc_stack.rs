//! grpc_stack.
