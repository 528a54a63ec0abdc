-- What needs what: from pg_depend, told of the objects that the catalog has. A rule behind a view stands for the view, a
-- default for its column, an array or row type for its element or relation, a part of an extension for the extension.
-- Left out is that a sequence goes with the column that owns it: the sequence tells that itself, and is made before it.
with
  stands_for as materialized (
    select 'pg_rewrite'::regclass::oid as class, r.oid, 'pg_class'::regclass::oid as to_class, r.ev_class as to_oid, 0 as to_part
      from pg_rewrite r where r.rulename = '_RETURN' and r.oid >= 16384
    union all select 'pg_attrdef'::regclass, d.oid, 'pg_class'::regclass, d.adrelid, d.adnum from pg_attrdef d
    union all select 'pg_constraint'::regclass, k.oid, 'pg_class'::regclass, k.conrelid, k.conkey[1] from pg_constraint k
      where k.contype = 'n' and k.conrelid <> 0
    union all select 'pg_type'::regclass, t.oid
      , case when coalesce(c.relkind, 'c') = 'c' then 'pg_type'::regclass::oid else 'pg_class'::regclass::oid end
      , case when coalesce(c.relkind, 'c') = 'c' then coalesce(e.oid, t.oid) else c.oid end, 0
      from pg_type t
      left join pg_type e on e.typarray = t.oid
      left join pg_class c on c.oid = coalesce(e.typrelid, t.typrelid)
      where t.oid >= 16384 and (e.oid is not null or c.relkind <> 'c')
--14+     union all select 'pg_type'::regclass, t.oid, 'pg_type'::regclass, r.rngtypid, 0 from pg_range r
--14+       join pg_type m on m.oid = r.rngmultitypid join pg_type t on t.oid in (m.oid, m.typarray) where t.oid >= 16384
    union all select 'pg_class'::regclass, c.oid, 'pg_type'::regclass, c.reltype, 0 from pg_class c
      where c.relkind = 'c' and c.oid >= 16384
    union all select 'pg_publication_rel'::regclass, r.oid, 'pg_publication'::regclass, r.prpubid, 0 from pg_publication_rel r
--15+     union all select 'pg_publication_namespace'::regclass, r.oid, 'pg_publication'::regclass, r.pnpubid, 0
--15+       from pg_publication_namespace r
    union all select 'pg_amop'::regclass, o.oid, coalesce(c.refclassid, 'pg_opfamily'::regclass), coalesce(c.refobjid, o.amopfamily), 0
      from pg_amop o left join pg_depend c on c.classid = 'pg_amop'::regclass and c.objid = o.oid and c.refclassid = 'pg_opclass'::regclass
      where o.oid >= 16384
    union all select 'pg_amproc'::regclass, p.oid, coalesce(c.refclassid, 'pg_opfamily'::regclass), coalesce(c.refobjid, p.amprocfamily), 0
      from pg_amproc p left join pg_depend c on c.classid = 'pg_amproc'::regclass and c.objid = p.oid and c.refclassid = 'pg_opclass'::regclass
      where p.oid >= 16384
  )
, edge as (
    select
      coalesce(f.to_class, d.classid) as class
    , coalesce(f.to_oid, d.objid) as oid
    , case when f.to_oid is null or d.objsubid > 0 then d.objsubid else f.to_part end as part
    , coalesce(m.refclassid, r.to_class, d.refclassid) as ref_class
    , coalesce(m.refobjid, r.to_oid, d.refobjid) as ref_oid
    , case when m.refobjid is not null then 0
        when r.to_oid is null or d.refobjsubid > 0 then d.refobjsubid else r.to_part end as ref_part
    from pg_depend d
    left join pg_class s on d.classid = 'pg_class'::regclass and s.oid = d.objid
    left join stands_for f on f.class = d.classid and f.oid = d.objid
      and not (d.classid = 'pg_class'::regclass and d.objsubid > 0)
    left join stands_for r on r.class = d.refclassid and r.oid = d.refobjid
      and not (d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0)
    left join pg_depend m on m.deptype = 'e' and m.classid = coalesce(r.to_class, d.refclassid)
      and m.objid = coalesce(r.to_oid, d.refobjid)
    where d.deptype <> 'e' and d.objid >= 16384
      and not (coalesce(s.relkind, 'r') = 'S' and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0)
  )
select distinct
  class::regclass::text as class
, oid
, part
, ref_class::regclass::text as ref_class
, ref_oid
, ref_part
from edge
where (class, oid, part) is distinct from (ref_class, ref_oid, ref_part)
order by 1, 2, 3, 4, 5, 6
