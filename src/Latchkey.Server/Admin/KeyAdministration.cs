using Latchkey.Server.Keys;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>What an operator does with the signing keys.</summary>
public sealed class KeyAdministration
{
    private readonly KeyKeeper _keeper;
    private readonly Database _database;
    private readonly TimeProvider _clock;

    internal KeyAdministration(KeyKeeper keeper, Database database, TimeProvider clock) => (_keeper, _database, _clock) = (keeper, database, clock);

    /// <summary>The signing keys, oldest first; their private halves stay encrypted.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public async ValueTask<List<KeyRow>> ListAsync() =>
        (await _database.ReadAsync(SigningKeys.ListAsync).ConfigureAwait(false)).FindAll(key => key.Purpose == KeyPurposes.Sign);

    /// <summary>What a key is for at a moment: <c>next</c>, <c>signing</c> or <c>verifying</c>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="all">All signing keys.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static string StateOf(KeyRow key, IEnumerable<KeyRow> all, long now) =>
        key.ActiveFrom > now ? "next"
        : key.RetiredAt <= now || all.Any(other => other.Algorithm == key.Algorithm && other.ActiveFrom > key.ActiveFrom && other.ActiveFrom <= now) ? "verifying"
        : "signing";

    /// <summary>Lets the next key take over.</summary>
    /// <param name="algorithm">Which algorithm's; null for all.</param>
    /// <param name="how">When, and what becomes of the old key.</param>
    /// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
    /// <returns>The keys that take over, with the time from which they sign. Empty if that was already arranged.</returns>
    /// <exception cref="AdministrationException">There is no such algorithm.</exception>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached; nothing was changed.</exception>
    public Task<IReadOnlyList<KeyRow>> RotateAsync(string? algorithm, KeyRotation how, string actor)
    {
        if (algorithm is not null && !Protocol.Names.SigningAlgorithms.Supported.Contains(algorithm))
            throw new AdministrationException($"There are no {algorithm} keys; use one of {string.Join(", ", Protocol.Names.SigningAlgorithms.Supported)}.");
        return _keeper.RotateAsync(algorithm, new AuditEvent { At = _clock.GetUtcNow().ToUnixTimeMilliseconds(), Event = "", Actor = actor }, how);
    }
}
