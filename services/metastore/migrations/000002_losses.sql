-- What people accepted about a dataset's landing, and a trail of changes that nobody can edit.

alter table datasets add column acceptances text not null default '[]';
comment on column datasets.acceptances is 'Acceptance[] as JSON';

alter table landing_topics add column cluster_change text;
comment on column landing_topics.cluster_change is 'ClusterChange as JSON; null: the brokers are of a cluster the chains know';

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the audit is append-only';
end
$$;
create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function audit_is_append_only();
