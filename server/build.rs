//! Links `isolet` so that a run touches little of it.

#[path = "../third_party/v8/link-order.rs"]
mod link_order;

fn main() {
    link_order::ask("bins");
}
