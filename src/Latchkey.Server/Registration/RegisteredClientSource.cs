using Latchkey.Server.Configuration;
using Latchkey.Storage;

namespace Latchkey.Server.Registration;

/// <summary>Clients that registered themselves: read from the database one by one, so that a million of them cost the others nothing.</summary>
internal sealed class RegisteredClientSource(Database database, ServerOptions options)
{
    /// <summary>What their ids begin with, so that no other id costs a look into the database.</summary>
    public const string Prefix = "reg_";

    /// <summary>Whether an id is of this kind: nothing else is asked of the database, which can't hold every text.</summary>
    public static bool IsId(string clientId) => clientId.Length is > 4 and <= 64 && clientId.StartsWith(Prefix, StringComparison.Ordinal) && clientId.All(IsIdCharacter);

    private static bool IsIdCharacter(char character) => char.IsAsciiLetterOrDigit(character) || character is '-' or '_';

    /// <summary>Finds a client; null if it is gone. Registration that was turned off since ends no client.</summary>
    public async ValueTask<Client?> FindAsync(string clientId, ServerConfiguration configuration) =>
        await database.ReadAsync(sql => RegisteredClients.FindAsync(sql, clientId)).ConfigureAwait(false) is { } row
            ? SelfRegisteredMetadata.ToClient(
                row.Metadata, options, ClientOrigin.Registered,
                row.SecretHash is { } hash ? [new ClientSecret(clientId, "registered", hash, row.CreatedAt, null)] : [],
                Math.Max(row.NotBefore, configuration.NotBefore))
            : null;

    /// <summary>Removes a client and all that hangs on it, inside the caller's transaction.</summary>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string clientId, AuditEvent audit)
    {
        if (!await RegisteredClients.DeleteAsync(sql, clientId).ConfigureAwait(false)) return false;
        await Grants.RevokeByClientAsync(sql, clientId, RevocationReasons.Operator, audit.At).ConfigureAwait(false);
        await Consents.DeleteByClientAsync(sql, clientId).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
        return true;
    }
}
