using System.Security.Cryptography;
using System.Text;
using Latchkey.Storage;
using Latchkey.Verification.DPoP;

namespace Latchkey.Server.SenderConstraint;

/// <summary>Remembers used proofs in the database, so that each is good once on all nodes together.</summary>
internal sealed class SharedReplays(Database database) : IReplayStore
{
    /// <inheritdoc />
    public async ValueTask<ReplayAnswer> AddAsync(string keyThumbprint, string proofId, DateTimeOffset until, CancellationToken cancellationToken)
    {
        // What the id is of leads the hash, so that no other kind of id can ever collide with it.
        var id = SHA256.HashData(Encoding.UTF8.GetBytes($"dpop\0{keyThumbprint}\0{proofId}"));
        return await database.WriteAsync(sql => ReplayGuard.UseAsync(sql, id, until.ToUnixTimeMilliseconds())).ConfigureAwait(false) ? ReplayAnswer.Added : ReplayAnswer.Seen;
    }
}
