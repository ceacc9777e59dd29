using System.Xml.Linq;
using Latchkey.Storage.Sqlite;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchkey.Cli;

/// <summary>
/// The key ring in its folder, and on the disk before anything is encrypted with it: without it every signing key in the database is lost, so it must
/// not be younger than they are after a power cut.
/// </summary>
internal sealed class DurableKeyRing(DirectoryInfo folder) : FileSystemXmlRepository(folder, NullLoggerFactory.Instance)
{
    public override void StoreElement(XElement element, string friendlyName)
    {
        base.StoreElement(element, friendlyName);
        foreach (var file in Directory.GetFiles("*.xml")) DurableFiles.SyncFile(file.FullName);
        DurableFiles.SyncFolder(Directory.FullName);
    }
}
