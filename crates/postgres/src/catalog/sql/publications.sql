select
  p.pubname as path_1
, p.oid
, pg_get_userbyid(p.pubowner) as owner
, case when p.puballtables then 'yes' end as all_tables
, concat_ws(', ', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end
  , case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end) as operations
--13+ , case when p.pubviaroot then 'yes' end as via_root
--18+ , nullif(p.pubgencols::text, 'n') as generated_columns
, (select string_agg(r.prrelid::regclass::text
--15+     || coalesce(' (' || (select string_agg(quote_ident(a.attname), ', ' order by a.attname) from pg_attribute a
--15+         where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)) || ')', '')
--15+     || coalesce(' where ' || pg_get_expr(r.prqual, r.prrelid), '')
     , ', ' order by r.prrelid::regclass::text) from pg_publication_rel r where r.prpubid = p.oid) as tables
--15+ , (select string_agg(n.nspname, ', ' order by n.nspname) from pg_publication_namespace m
--15+    join pg_namespace n on n.oid = m.pnnspid where m.pnpubid = p.oid) as schemas
, (select string_agg(format('only %s', r.prrelid::regclass)
--15+     || coalesce(' (' || (select string_agg(quote_ident(a.attname), ', ' order by a.attname) from pg_attribute a
--15+         where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)) || ')', '')
--15+     || coalesce(' where (' || pg_get_expr(r.prqual, r.prrelid) || ')', '')
     , E'\n' order by r.prrelid::regclass::text) from pg_publication_rel r where r.prpubid = p.oid) as fact_table_list
, (select hashtextextended(string_agg(row(r.prrelid
--15+     , r.prattrs, r.prqual::text
     )::text, ', ' order by r.prrelid), 0) from pg_publication_rel r where r.prpubid = p.oid) as fact_same_tables
--15+ , (select string_agg(m.pnnspid::text, ', ' order by m.pnnspid) from pg_publication_namespace m where m.pnpubid = p.oid) as fact_same_schemas
from pg_publication p
