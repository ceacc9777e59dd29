using System.Xml.Linq;
using Latchkey.Storage;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Latchkey.Server.Keys;

/// <summary>The key ring of Data Protection as rows of the database, so that all nodes on it have one.</summary>
/// <param name="database">The database, its schema in order.</param>
public sealed class DatabaseKeyRing(Database database) : IXmlRepository
{
    /// <inheritdoc />
    public IReadOnlyCollection<XElement> GetAllElements() =>
        [.. database.ReadAsync(KeyRingElements.ListAsync).AsTask().GetAwaiter().GetResult().Select(XElement.Parse)];

    /// <inheritdoc />
    public void StoreElement(XElement element, string friendlyName) => database.WriteAsync(async sql =>
    {
        await KeyRingElements.AddAsync(sql, friendlyName, element.ToString(SaveOptions.DisableFormatting)).ConfigureAwait(false);
        return true;
    }).AsTask().GetAwaiter().GetResult();

    /// <summary>
    /// Makes the first key if there is none. Nodes that start at once wait for each other here: otherwise each would make one, and would learn of the
    /// others' only a day later.
    /// </summary>
    /// <param name="database">The database, one that takes several writes at a time.</param>
    /// <param name="keys">Data Protection's keys, kept in that database.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public static async Task EnsureAsync(Database database, IKeyManager keys, TimeProvider clock) => await database.WriteAsync(async sql =>
    {
        await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
        if ((await KeyRingElements.ListAsync(sql).ConfigureAwait(false)).Count > 0) return false;
        var now = clock.GetUtcNow();
        keys.CreateNewKey(now, now + Lifetime);
        return true;
    }).ConfigureAwait(false);

    // Data Protection's own default.
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);
}
