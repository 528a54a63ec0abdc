-- Composite (their attributes are columns), range, base and shell types; array, row and multirange types come with others.
select
  n.nspname as path_1
, t.typname as path_2
, t.oid
, nullif(t.typrelid, 0) as relation
, pg_get_userbyid(t.typowner) as owner
, case t.typtype when 'c' then 'composite' when 'r' then 'range' when 'b' then 'base' else 'shell' end as form
, format_type(r.rngsubtype, null) as subtype
, nullif(r.rngcanonical::oid, 0)::regprocedure::text as canonical
, nullif(r.rngsubdiff::oid, 0)::regprocedure::text as subtype_difference
, (select quote_ident(on_.nspname) || '.' || quote_ident(o.opcname) from pg_opclass o join pg_namespace on_ on on_.oid = o.opcnamespace
   where o.oid = r.rngsubopc) as operator_class
, (select quote_ident(cn.nspname) || '.' || quote_ident(co.collname) from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace
   where co.oid = r.rngcollation) as collation
--14+ , (select m.typname from pg_type m where m.oid = r.rngmultitypid) as multirange
, case when t.typtype = 'b' then concat_ws(', '
  , 'input ' || t.typinput::oid::regprocedure, 'output ' || t.typoutput::oid::regprocedure
  , 'receive ' || nullif(t.typreceive::oid, 0)::regprocedure, 'send ' || nullif(t.typsend::oid, 0)::regprocedure
  , 'modifier input ' || nullif(t.typmodin::oid, 0)::regprocedure, 'modifier output ' || nullif(t.typmodout::oid, 0)::regprocedure
  , 'analyze ' || nullif(t.typanalyze::oid, 0)::regprocedure
  , 'length ' || t.typlen, 'by value ' || t.typbyval, 'align ' || t.typalign::text, 'storage ' || t.typstorage::text
  , 'category ' || t.typcategory::text, 'preferred ' || t.typispreferred, 'delimiter ' || t.typdelim::text
  , 'default ' || t.typdefault, 'element ' || format_type(nullif(t.typelem, 0), null), 'collatable ' || (t.typcollation <> 0)) end as base
, case when t.typtype = 'b' then concat_ws(', '
  , 'input = ' || t.typinput, 'output = ' || t.typoutput
  , 'receive = ' || nullif(t.typreceive::oid, 0)::regproc, 'send = ' || nullif(t.typsend::oid, 0)::regproc
  , 'typmod_in = ' || nullif(t.typmodin::oid, 0)::regproc, 'typmod_out = ' || nullif(t.typmodout::oid, 0)::regproc
  , 'analyze = ' || nullif(t.typanalyze::oid, 0)::regproc
  , 'internallength = ' || case t.typlen when -1 then 'variable' else t.typlen::text end, case when t.typbyval then 'passedbyvalue' end
  , 'alignment = ' || case t.typalign when 'c' then 'char' when 's' then 'int2' when 'i' then 'int4' else 'double' end
  , 'storage = ' || case t.typstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end
  , 'category = ' || quote_literal(t.typcategory::text), 'preferred = ' || t.typispreferred, 'delimiter = ' || quote_literal(t.typdelim::text)
  , 'default = ' || quote_literal(t.typdefault), 'element = ' || format_type(nullif(t.typelem, 0), null)
  , case when t.typcollation <> 0 then 'collatable = true' end) end as fact_definition
, case when t.typacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(t.typacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('T', t.typowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('T', t.typowner)) i) as fact_default_privileges
, nullif(r.rngsubtype, 0) as fact_same_subtype
, nullif(r.rngcanonical::oid, 0) as fact_same_canonical
, nullif(r.rngsubdiff::oid, 0) as fact_same_subtype_difference
, nullif(r.rngsubopc, 0) as fact_same_operator_class
, nullif(r.rngcollation, 0) as fact_same_collation
--14+ , (select format('%I.%I', mn.nspname, m.typname) from pg_type m join pg_namespace mn on mn.oid = m.typnamespace
--14+    where m.oid = r.rngmultitypid) as fact_multirange_name
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_range r on r.rngtypid = t.oid
left join pg_class c on c.oid = t.typrelid
where t.oid >= 16384
  and (t.typtype in ('r', 'p') or t.typtype = 'c' and c.relkind = 'c'
    or t.typtype = 'b' and not exists (select from pg_type e where e.typarray = t.oid))
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
