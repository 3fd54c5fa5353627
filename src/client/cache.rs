//! One client for all connections that reach their providers in the same way.

use std::sync::{Arc, Mutex};

use super::{ClientError, of_link};
use crate::pack::link::Link;

/// The clients that are in use, made when they are first asked for.
#[derive(Clone, Debug, Default)]
pub struct Clients(Arc<Mutex<Known>>);

/// Each way with its client; there are few.
type Known = Vec<(Arc<Link>, reqwest::Client)>;

impl Clients {
    /// The client for a way. One whose connections are gone is given up when the next is made.
    pub fn of(&self, link: &Arc<Link>) -> Result<reqwest::Client, ClientError> {
        let mut known = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let same = |known: &Arc<Link>| Arc::ptr_eq(known, link) || known == link;
        if let Some((kept, client)) = known.iter_mut().find(|(kept, _)| same(kept)) {
            // The newest revision's is kept, so that a way that nobody has any more can be told.
            *kept = link.clone();
            return Ok(client.clone());
        }
        known.retain(|(kept, _)| Arc::strong_count(kept) > 1);
        let client = of_link(link)?;
        known.push((link.clone(), client.clone()));
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::link::Private;

    fn known(clients: &Clients) -> usize {
        clients.0.lock().unwrap().len()
    }

    #[test]
    fn the_same_way_has_one_client_and_an_old_way_none() {
        let clients = Clients::default();
        let (first, second) = (Arc::new(Link::default()), Arc::new(Link::default()));
        clients.of(&first).unwrap();
        clients.of(&second).unwrap();
        assert_eq!(known(&clients), 1);
        let other = Arc::new(Link { private: Private::Allowed, ..Link::default() });
        clients.of(&other).unwrap();
        assert_eq!(known(&clients), 2);
        drop((first, second, other));
        clients.of(&Arc::new(Link::to_sandbox("127.0.0.1:1".parse().ok()))).unwrap();
        assert_eq!(known(&clients), 1, "the one that is in use");
    }
}
