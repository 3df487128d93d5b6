//! A store with something of everything in it has no findings.

use super::world::World;
use posthorn_store::Engine;

pub(crate) async fn a_store_in_use_breaks_no_rule(engine: &Engine) {
    let world = World::new(engine).await;
    world.fill().await;
    assert_eq!(world.findings().await, [], "deep");
}
