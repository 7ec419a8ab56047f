use std::fmt::Debug;

/// The steps of a saga: an enum whose variants have names that never change, since rows, logs and
/// the idempotency keys of participants carry them.
///
/// [`saga_steps!`](crate::saga_steps) writes it.
pub trait StepName: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// The name: lower-case letters, digits and hyphens.
    fn name(self) -> &'static str;
}

/// An enum of steps and their names.
///
/// ```
/// use tower_keep_durable::saga::StepName;
///
/// tower_keep_durable::saga_steps! {
///     /// How an order is placed.
///     pub enum Step {
///         /// Takes the goods from the shelf.
///         ReserveStock = "reserve-stock",
///         /// Holds the money.
///         AuthorizePayment = "authorize-payment",
///     }
/// }
/// assert_eq!(Step::ReserveStock.name(), "reserve-stock");
/// ```
#[macro_export]
macro_rules! saga_steps {
    ($(#[$meta:meta])* $vis:vis enum $Step:ident {
        $($(#[$of:meta])* $Variant:ident = $name:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $Step { $($(#[$of])* $Variant),+ }

        impl $crate::saga::StepName for $Step {
            fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name),+ }
            }
        }
    };
}
