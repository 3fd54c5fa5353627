//! One client for all connections that reach their providers in the same way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{ClientError, connect_within, of_link};
use crate::pack::link::Link;

/// The clients that are in use, made when they are first asked for.
#[derive(Clone, Debug, Default)]
pub struct Clients(Arc<Mutex<Known>>);

/// Each way with its client, by how long connecting may take; there are few.
type Known = Vec<(Arc<Link>, Within)>;
type Within = Vec<(Duration, reqwest::Client)>;

impl Clients {
    /// The client for a way and for calls that take so long at the most. One whose connections are gone is given up when the next is made.
    pub fn of(&self, link: &Arc<Link>, timeout: Duration) -> Result<reqwest::Client, ClientError> {
        let connect = connect_within(timeout);
        let mut known = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let same = |known: &Arc<Link>| Arc::ptr_eq(known, link) || known == link;
        if let Some((kept, clients)) = known.iter_mut().find(|(kept, _)| same(kept)) {
            // The newest revision's is kept, so that a way that nobody has any more can be told.
            *kept = link.clone();
            return within(clients, link, connect);
        }
        known.retain(|(kept, _)| Arc::strong_count(kept) > 1);
        let mut clients = Within::new();
        let client = within(&mut clients, link, connect)?;
        known.push((link.clone(), clients));
        Ok(client)
    }
}

/// The client of a way whose connecting takes no longer than this.
fn within(clients: &mut Within, link: &Link, connect: Duration) -> Result<reqwest::Client, ClientError> {
    if let Some((_, client)) = clients.iter().find(|(within, _)| *within == connect) {
        return Ok(client.clone());
    }
    let client = of_link(link, connect)?;
    clients.push((connect, client.clone()));
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::link::Private;

    const LONG: Duration = Duration::from_secs(30);

    fn known(clients: &Clients) -> usize {
        clients.0.lock().unwrap().iter().map(|(_, clients)| clients.len()).sum()
    }

    #[test]
    fn the_same_way_has_one_client_and_an_old_way_none() {
        let clients = Clients::default();
        let (first, second) = (Arc::new(Link::default()), Arc::new(Link::default()));
        clients.of(&first, LONG).unwrap();
        clients.of(&second, 2 * LONG).unwrap();
        assert_eq!(known(&clients), 1, "connecting takes no longer for a longer call");
        let other = Arc::new(Link { private: Private::Allowed, ..Link::default() });
        clients.of(&other, LONG).unwrap();
        assert_eq!(known(&clients), 2);
        clients.of(&other, LONG / 30).unwrap();
        assert_eq!(known(&clients), 3, "a short call connects in less");
        drop((first, second, other));
        clients.of(&Arc::new(Link::to_sandbox("127.0.0.1:1".parse().ok())), LONG).unwrap();
        assert_eq!(known(&clients), 1, "the one that is in use");
    }
}
