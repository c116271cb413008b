//! Events on their way to notification.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection, query, query_as};
use uuid::Uuid;

use crate::domain::matching::Fill;
use crate::domain::order::{NewOrder, Side};

/// Events that are delivered in one call; their text must stay below the body limit of 64 KiB.
const BATCH: i64 = 50;

/// Something that a user should hear of.
#[derive(FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub id: Uuid,
    pub kind: String,
    pub user_id: Uuid,
    pub payload: Value,
    pub colour: String,
}

/// Writes an event for each side of each fill, in the transaction of the match.
pub async fn write(
    connection: &mut PgConnection,
    order: &NewOrder,
    fills: &[Fill],
    colour: &str,
) -> Result<(), sqlx::Error> {
    let sides = |fill: &Fill| {
        [
            (order.user, payload(order, fill, order.id, order.side)),
            (
                fill.maker,
                payload(order, fill, fill.maker_order, order.side.opposite()),
            ),
        ]
    };
    let (users, payloads): (Vec<Uuid>, Vec<Value>) = fills.iter().flat_map(sides).unzip();
    let ids: Vec<Uuid> = users.iter().map(|_| Uuid::now_v7()).collect();
    let statement = "INSERT INTO trade.outbox (id, user_id, payload, kind, colour)
         SELECT e.*, 'fill', $4 FROM unnest($1::uuid[], $2::uuid[], $3::jsonb[]) AS e";
    query(statement)
        .bind(ids)
        .bind(users)
        .bind(payloads)
        .bind(colour)
        .execute(connection)
        .await?;
    Ok(())
}

fn payload(order: &NewOrder, fill: &Fill, own: Uuid, side: Side) -> Value {
    json!({
        "fillId": fill.id,
        "orderId": own,
        "market": order.market.to_string(),
        "side": side.as_str(),
        "price": fill.price,
        "quantity": fill.quantity,
    })
}

/// Claims events for the rest of the transaction: those of the own colour, and, where `leftovers` are this
/// colour's to deliver, what another has left behind for 10 s, since nobody else may be there to do it.
pub async fn claim(
    connection: &mut PgConnection,
    colour: &str,
    leftovers: bool,
) -> Result<Vec<Event>, sqlx::Error> {
    let statement = "SELECT id, kind, user_id, payload, colour FROM trade.outbox
         WHERE delivered_at IS NULL
           AND (colour = $1 OR $3 AND created_at < now() - interval '10 seconds')
         ORDER BY sequence LIMIT $2 FOR UPDATE SKIP LOCKED";
    query_as(statement)
        .bind(colour)
        .bind(BATCH)
        .bind(leftovers)
        .fetch_all(connection)
        .await
}

/// Records that events arrived.
pub async fn delivered(connection: &mut PgConnection, events: &[Event]) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let statement = "UPDATE trade.outbox SET delivered_at = now() WHERE id = ANY($1)";
    query(statement).bind(ids).execute(connection).await?;
    Ok(())
}
