use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// What a query's plan looks like, and what running it has cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Its nodes with the relations and indexes that they read, from the top: `Index Scan using orders_day on orders`.
    pub nodes: Vec<String>,
    /// Pages of shared buffers that were touched.
    pub blocks: u64,
    /// The relations that it reads or writes.
    pub relations: BTreeSet<String>,
}

/// The server's answer to EXPLAIN is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's plan cannot be understood")]
pub struct PlanError;

impl Plan {
    /// Reads what `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)` gave.
    ///
    /// # Errors
    /// When it is no such thing.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let value: Value = serde_json::from_str(text).map_err(|_| PlanError)?;
        let root = value
            .get(0)
            .and_then(|first| first.get("Plan"))
            .ok_or(PlanError)?;
        let mut plan = Self::default();
        // The top counts what is below it.
        let blocks = ["Shared Hit Blocks", "Shared Read Blocks"]
            .map(|name| root[name].as_u64().unwrap_or(0));
        plan.blocks = blocks.iter().sum();
        plan.take(root, 0);
        Ok(plan)
    }

    /// Whether another plan reads the same by the same ways.
    pub fn is_shaped_like(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }

    /// The first node of this plan that the other has not, and the one that stands in its place there.
    pub fn change_to(&self, other: &Self) -> Option<(String, String)> {
        let only = |ours: &Self, theirs: &Self| {
            let theirs = &theirs.nodes;
            let others = || ours.nodes.iter().filter(|node| !theirs.contains(*node));
            // How rows are found says more than what is done with them, and an index more than its table.
            let [by_index, by_table, any] = [" using ", " on ", ""];
            let found = |sign: &str| others().find(|node| node.contains(sign)).cloned();
            found(by_index)
                .or_else(|| found(by_table))
                .or_else(|| found(any))
        };
        match (only(self, other), only(other, self)) {
            (None, None) => None,
            (gone, new) => Some((
                gone.unwrap_or_else(|| "nothing".to_owned()),
                new.unwrap_or_else(|| "nothing".to_owned()),
            )),
        }
    }

    fn take(&mut self, node: &Value, depth: usize) {
        /// No plan nests deeper than this.
        const DEEPEST: usize = 200;
        let text = |name: &str| node[name].as_str();
        let mut words = text("Node Type").unwrap_or("?").to_owned();
        if let Some(index) = text("Index Name") {
            words.push_str(&format!(" using {index}"));
        }
        if let Some(relation) = text("Relation Name") {
            words.push_str(&format!(" on {relation}"));
            self.relations.insert(relation.to_owned());
        }
        self.nodes.push(words);
        if depth < DEEPEST {
            for below in node["Plans"].as_array().into_iter().flatten() {
                self.take(below, depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_its_nodes_and_its_blocks() {
        let index = r#"[{"Plan": {"Node Type": "Limit", "Shared Hit Blocks": 3, "Shared Read Blocks": 1,
            "Plans": [{"Node Type": "Index Scan", "Index Name": "orders_day", "Relation Name": "orders", "Shared Hit Blocks": 3}]}}]"#;
        let scan = r#"[{"Plan": {"Node Type": "Limit", "Shared Hit Blocks": 300,
            "Plans": [{"Node Type": "Seq Scan", "Relation Name": "orders"}]}}]"#;
        let (index, scan) = (Plan::parse(index).unwrap(), Plan::parse(scan).unwrap());
        assert_eq!(index.blocks, 4);
        assert_eq!(
            index.nodes,
            ["Limit", "Index Scan using orders_day on orders"]
        );
        assert!(!index.is_shaped_like(&scan));
        let change = index.change_to(&scan).unwrap();
        assert_eq!(change.0, "Index Scan using orders_day on orders");
        assert_eq!(change.1, "Seq Scan on orders");
        assert_eq!(index.change_to(&index.clone()), None);
        assert_eq!(Plan::parse("[]"), Err(PlanError));
    }
}
