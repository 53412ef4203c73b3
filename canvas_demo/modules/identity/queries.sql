-- name: load_organization
SELECT organization_id, name, version FROM organization WHERE organization_id = %s

-- name: save_organization
INSERT INTO organization (organization_id, name, version, created_at, updated_at)
VALUES (%(organization_id)s, %(name)s, %(version)s, %(now)s, %(now)s)
ON CONFLICT (organization_id) DO UPDATE SET
    name = excluded.name, version = excluded.version, updated_at = excluded.updated_at

-- name: load_account
SELECT user_id, organization_id, username, version FROM account WHERE user_id = %s

-- name: save_account
INSERT INTO account (user_id, organization_id, username, version, created_at, updated_at)
VALUES (%(user_id)s, %(organization_id)s, %(username)s, %(version)s, %(now)s, %(now)s)
ON CONFLICT (user_id) DO UPDATE SET
    username = excluded.username, version = excluded.version, updated_at = excluded.updated_at

-- name: find_credential
-- Names are compared as the index account_one_a_username compares them.
SELECT user_id, organization_id, username, password_hash
FROM account JOIN credential USING (user_id)
WHERE casefold(normalize(username, NFKC) COLLATE pg_unicode_fast)
    = casefold(normalize(%s::text, NFKC) COLLATE pg_unicode_fast)

-- name: insert_credential
INSERT INTO credential (user_id, password_hash, created_at) VALUES (%s, %s, %s)

-- name: lock_first_user
SELECT pg_advisory_xact_lock(hashtextextended('identity/first-user', 0))

-- name: lock_signing_keys
SELECT pg_advisory_xact_lock(hashtextextended('identity/signing-keys', 0))

-- name: load_signing_keys
SELECT kid, private_key FROM signing_key ORDER BY created_at, kid

-- name: insert_signing_key
INSERT INTO signing_key (kid, private_key, created_at) VALUES (%s, %s, %s)
