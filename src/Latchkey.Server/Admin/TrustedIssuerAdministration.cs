using Latchkey.Protocol.Messages;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>What an operator does with trusted issuers; they are made and changed by declared state.</summary>
/// <param name="database">Where they are kept.</param>
/// <param name="clock">The time.</param>
/// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
public sealed class TrustedIssuerAdministration(Database database, TimeProvider clock, string actor)
{
    /// <summary>Every trusted issuer, by identifier.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public ValueTask<List<TrustedIssuer>> ListAsync() => database.ReadAsync(TrustedIssuers.ListAsync);

    /// <summary>One trusted issuer.</summary>
    /// <exception cref="AdministrationException">There is no such issuer.</exception>
    public async ValueTask<TrustedIssuer> FindAsync(string issuer) =>
        (await ListAsync().ConfigureAwait(false)).Find(known => known.Issuer == issuer) ?? throw Missing(issuer);

    /// <summary>Trusts an issuer no longer: its JWTs are refused from now on. Tokens that were given for them live on to their end.</summary>
    /// <exception cref="AdministrationException">There is no such issuer.</exception>
    public async Task DeleteAsync(string issuer)
    {
        var audit = new AuditEvent { At = clock.GetUtcNow().ToUnixTimeMilliseconds(), Event = AuditEvents.TrustedIssuerDeleted, Actor = actor, Detail = AdminDetail.Of("deleted", ("issuer", issuer)) };
        await database.WriteAsync(async sql =>
        {
            if (!await TrustedIssuers.DeleteAsync(sql, issuer).ConfigureAwait(false)) throw Missing(issuer);
            await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    /// <summary>Writes an issuer and its audit event inside the caller's transaction.</summary>
    internal static async ValueTask SaveAsync(SqlSession sql, TrustedIssuer metadata, bool isNew, AuditEvent audit)
    {
        await TrustedIssuers.SaveAsync(sql, metadata, audit.At).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit with
        {
            Event = AuditEvents.TrustedIssuerChanged,
            Detail = AdminDetail.Of(isNew ? "created" : "updated", ("issuer", metadata.Issuer)),
        }).ConfigureAwait(false);
    }

    private static AdministrationException Missing(string issuer) => new($"There is no trusted issuer {issuer}; see latchkey trusted-issuer list.");
}
