use shop_kit::money::{Currency, Money};

use crate::domain::Product;

/// The products of the demo. There are few telescopes: they sell out.
pub(crate) fn products() -> Vec<Product> {
    let product = |sku: &str, name: &str, minor, on_hand| Product {
        sku: sku.to_owned(),
        name: name.to_owned(),
        price: Money::new(minor, Currency::EUR),
        on_hand,
    };
    vec![
        product("tea", "Green tea, 100 g", 690, 500),
        product("mug", "Stoneware mug", 1_450, 300),
        product("lamp", "Desk lamp", 3_990, 200),
        product("chair", "Oak chair", 12_900, 100),
        product("telescope", "Travel telescope", 24_900, 5),
    ]
}
