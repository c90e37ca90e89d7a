//! A thread that only works on the newest order: older ones are dropped, even half way through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use crate::picture::read::Watch;
use crate::tui::terminal::QUIET_THREAD;

/// Handle of the thread. Dropping it ends the thread and cancels its work.
#[derive(Debug)]
pub(super) struct Worker<Order> {
    orders: Sender<(u64, Order)>,
    newest: Arc<AtomicU64>,
}

/// Number of an order, to check whether it is still the newest.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    number: u64,
    newest: Arc<AtomicU64>,
}

impl Ticket {
    /// A watch that stops work after `limit`, or when a newer order comes.
    pub(super) fn watch(&self, limit: Duration) -> Watch {
        Watch::of(limit, self.newest.clone(), self.number)
    }
}

#[cfg(test)]
impl Ticket {
    /// The ticket of the newest order.
    pub(super) fn newest() -> Self {
        Self { number: 1, newest: Arc::new(AtomicU64::new(1)) }
    }

    /// The ticket of an order that a newer one has replaced.
    pub(super) fn superseded() -> Self {
        Self { number: 1, newest: Arc::new(AtomicU64::new(2)) }
    }
}

impl<Order: Send + 'static> Worker<Order> {
    /// Starts the thread, which passes each order to `work` unless a newer one has come.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(super) fn start(mut work: impl FnMut(Order, &Ticket) + Send + 'static) -> std::io::Result<Self> {
        let (orders, taken) = mpsc::channel::<(u64, Order)>();
        let newest = Arc::new(AtomicU64::new(0));
        let of_thread = newest.clone();
        let serve = move || {
            while let Ok(first) = taken.recv() {
                let (number, order) = taken.try_iter().last().unwrap_or(first);
                work(order, &Ticket { number, newest: of_thread.clone() });
            }
        };
        thread::Builder::new().name(QUIET_THREAD.to_owned()).spawn(serve)?;
        Ok(Self { orders, newest })
    }

    /// Replaces all earlier orders by this one.
    pub(super) fn order(&self, order: Order) {
        let number = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        // Fails only if the thread has panicked, which is in the log.
        let _ = self.orders.send((number, order));
    }
}

impl<Order> Worker<Order> {
    pub(super) fn drop_work(&self) {
        self.newest.fetch_add(1, Ordering::Relaxed);
    }
}

impl<Order> Drop for Worker<Order> {
    fn drop(&mut self) {
        self.drop_work();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::read::ReadError;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn of_several_orders_only_the_newest_is_worked_on() {
        let (begun, begins) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let worker = Worker::start(move |order: u32, ticket: &Ticket| {
            begun.send((order, ticket.watch(LONG).check())).expect("the test listens");
            wait.recv().expect("the test goes on");
            begun.send((order, ticket.watch(LONG).check())).expect("the test listens");
        })
        .expect("a thread");
        worker.order(1);
        assert_eq!(begins.recv(), Ok((1, Ok(()))));
        worker.order(2);
        worker.order(3);
        go.send(()).expect("it waits");
        assert_eq!(begins.recv(), Ok((1, Err(ReadError::Superseded))), "it stops half way");
        assert_eq!(begins.recv(), Ok((3, Ok(()))), "the second one is not begun");
        worker.drop_work();
        go.send(()).expect("it waits");
        assert_eq!(begins.recv(), Ok((3, Err(ReadError::Superseded))));
    }

    #[test]
    fn the_end_of_the_screen_ends_the_work() {
        let (begun, begins) = mpsc::channel();
        let worker = Worker::start(move |(), ticket: &Ticket| {
            let watch = ticket.watch(LONG);
            begun.send(()).expect("the test listens");
            while watch.check().is_ok() {
                thread::yield_now();
            }
        })
        .expect("a thread");
        worker.order(());
        assert_eq!(begins.recv(), Ok(()));
        drop(worker);
        assert!(begins.recv().is_err(), "the thread has ended");
    }
}
